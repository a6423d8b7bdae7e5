-- What stands in the place of an agency but is not in the registry, or cannot be told from another, most frequent first.
SELECT
    agency_literal,
    count(*) AS document_count,
    count(DISTINCT source) AS source_count,
    min(month) AS first_month,
    max(month) AS last_month,
    any_value(document_id ORDER BY document_id) AS example_document_id
FROM documents
WHERE agency_literal IS NOT NULL AND agency_id IS NULL
GROUP BY ALL
ORDER BY document_count DESC, agency_literal
