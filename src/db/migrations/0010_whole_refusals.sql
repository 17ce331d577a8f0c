-- A kept refusal counts with its part and its row: an empty result has no bytes, and is kept all the same. Where a project
-- is over its bound by that, it stays so until something is closed.
UPDATE rejection_usage u
SET kept_bytes = r.kept_bytes, max_bytes = GREATEST(u.max_bytes, r.kept_bytes)
FROM (
  SELECT project_key, sum(octet_length(bytes) + octet_length(part) + 1024) AS kept_bytes
  FROM rejections
  WHERE state = 1
  GROUP BY project_key
) AS r
WHERE u.project_key = r.project_key;
