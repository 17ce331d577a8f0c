/** Filters whose value is a parameter of the address. */
import { Choice } from "./choice.js";
import { TextFilter } from "./text-filter.js";
import { useParam } from "./use-params.js";

/** A text; the empty one leaves the address. */
export function TextParam({
  name,
  ...rest
}: {
  readonly name: string;
  readonly label: string;
  readonly placeholder?: string;
  readonly type?: "search" | "date";
}) {
  const [value, setValue] = useParam(name, "");
  return <TextFilter {...rest} value={value} onFilter={setValue} />;
}

/** One of some texts, by its value; the default leaves the address, and is meant by a value that is none of them. */
export function ChoiceParam({
  name,
  label,
  options,
  byDefault = "",
}: {
  readonly name: string;
  readonly label: string;
  readonly options: readonly { readonly value: string; readonly text: string }[];
  readonly byDefault?: string;
}) {
  const values = options.map(({ value }) => value);
  const [value, setValue] = useParam(name, byDefault, values);
  return <Choice label={label} value={value} options={options} onChoose={setValue} />;
}
