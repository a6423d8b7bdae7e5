-- From where was written, how often and when: the places of datelines with their coordinates.
SELECT
    place_id,
    place_name,
    country_code,
    latitude,
    longitude,
    count(*) AS document_count,
    count(DISTINCT agency_id) AS agency_count,
    min(content_created) AS first_date,
    max(content_created) AS last_date
FROM documents
WHERE place_id IS NOT NULL
GROUP BY ALL
ORDER BY document_count DESC, place_id
