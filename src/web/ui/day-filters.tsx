import { TextFilter } from "./text-filter.js";
import { useParam } from "./use-params.js";

/** The first and the last day, in the address under the two names; both are within. */
export function DayFilters({
  label = "",
  from,
  to,
}: {
  /** Of what the days are; stands before the words. */
  readonly label?: string;
  readonly from: string;
  readonly to: string;
}) {
  const [start, setStart] = useParam(from, "");
  const [end, setEnd] = useParam(to, "");
  return (
    <>
      <TextFilter
        type="date"
        label={label === "" ? "From" : `${label} from`}
        value={start}
        onFilter={setStart}
      />
      <TextFilter
        type="date"
        label={label === "" ? "Until" : `${label} until`}
        value={end}
        onFilter={setEnd}
      />
    </>
  );
}
