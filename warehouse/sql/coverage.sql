-- How many documents there are by month, agency and language, and how many of them are dated to the day and placed.
SELECT
    month,
    agency_id,
    language,
    count(*) AS document_count,
    count(content_created) AS dated_count,
    count(place_id) AS placed_count
FROM documents
GROUP BY ALL
ORDER BY ALL
