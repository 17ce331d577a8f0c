-- What a refused result says, as far as it can be read: one that failed fails its part while it is open, unless a later
-- attempt of its test passed. What was refused before this file says nothing.
ALTER TABLE rejections
  ADD COLUMN IF NOT EXISTS status smallint CHECK (status BETWEEN 1 AND 5),
  ADD COLUMN IF NOT EXISTS test_id bytea CHECK (octet_length(test_id) = 16),
  ADD COLUMN IF NOT EXISTS attempt int CHECK (attempt >= 1);
