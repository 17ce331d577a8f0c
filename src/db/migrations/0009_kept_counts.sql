-- How many results told what is kept of a part: it stands as long as the part has no more, and when they have left. What
-- was kept without a count is told anew by the results.
ALTER TABLE run_parts ADD COLUMN kept_count bigint;
