import { TextParam } from "./param-filters.js";

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
  return (
    <>
      <TextParam type="date" name={from} label={label === "" ? "From" : `${label} from`} />
      <TextParam type="date" name={to} label={label === "" ? "Until" : `${label} until`} />
    </>
  );
}
