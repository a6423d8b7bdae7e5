-- Which share of the documents has each field, by source and month: 1 is all of them.
SELECT
    source,
    month,
    count(*) AS document_count,
    round(count(header) / count(*), 3) AS header_share,
    round(count(dateline) / count(*), 3) AS dateline_share,
    round(count(located) / count(*), 3) AS located_share,
    round(count(place_id) / count(*), 3) AS place_share,
    round(count(content_created) / count(*), 3) AS day_share,
    round(count(content_created_edtf) / count(*), 3) AS date_share,
    round(count(agency_id) / count(*), 3) AS agency_share,
    round(count(language) / count(*), 3) AS language_share,
    round(count(headline) / count(*), 3) AS headline_share,
    round(count(date_conflict) / count(*), 3) AS date_conflict_share
FROM documents
GROUP BY ALL
ORDER BY ALL
