-- What answers need and would cost them too much to find out each time.

-- Finds the tests that were flaky in a window, which are few, without reading the wide rows of all. It makes no update
-- dearer: the figure in its condition hardly ever changes.
CREATE INDEX test_windows_flaky ON test_windows (project_key, test_key) WHERE flaky_90 > 0;

-- What the results of a part told when its run was settled last: 0 that nothing failed. It stands while the run is
-- settled, and when its results have left.
ALTER TABLE run_parts
  DROP CONSTRAINT run_parts_kept_status_check,
  ADD CONSTRAINT run_parts_kept_status_check CHECK (kept_status IN (0, 2, 3)) NOT VALID;

-- What a search looks through: making it of the four texts takes two thirds of looking at a test.
ALTER TABLE tests
  ADD COLUMN search_text text
    GENERATED ALWAYS AS (lower(suite || chr(31) || file || chr(31) || name || chr(31) || parameters)) STORED;
