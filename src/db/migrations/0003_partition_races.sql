-- Who creates a partition at the same moment as another may also meet the name of its row type in the catalogue.
CREATE OR REPLACE FUNCTION ensure_results_partition(month date) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  first_day date := date_trunc('month', month)::date;
  partition text := 'results_' || to_char(first_day, 'YYYY_MM');
BEGIN
  IF to_regclass(partition) IS NOT NULL THEN
    RETURN;
  END IF;
  EXECUTE format('CREATE TABLE %I (LIKE results INCLUDING ALL)', partition);
  EXECUTE format(
    'ALTER TABLE results ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
    partition, first_day, (first_day + interval '1 month')::date
  );
EXCEPTION
  WHEN duplicate_table OR duplicate_object OR unique_violation THEN
    NULL;
END
$$;
