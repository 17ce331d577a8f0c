-- How many results told what is kept of a part: it stands as long as the part has no more, and when they have left. What
-- was kept without a count is told anew by the results. A file before this one had the column for some hours.
ALTER TABLE run_parts ADD COLUMN IF NOT EXISTS kept_count bigint;
