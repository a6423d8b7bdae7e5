-- Places of datelines that the gazetteer does not know, or that could be several, most frequent first.
SELECT
    located,
    located_region,
    count(*) AS document_count,
    mode(agency_id) AS usual_agency_id,
    min(month) AS first_month,
    max(month) AS last_month,
    any_value(document_id ORDER BY document_id) AS example_document_id
FROM documents
WHERE located IS NOT NULL AND place_id IS NULL
GROUP BY ALL
ORDER BY document_count DESC, located
