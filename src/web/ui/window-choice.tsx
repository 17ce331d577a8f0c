import { Choice } from "./choice.js";
import { useWindowDays, WINDOWS } from "./use-params.js";

/** The choice of the window that figures look back. */
export function WindowChoice() {
  const [days, choose] = useWindowDays();
  return (
    <Choice
      label="Window"
      value={String(days)}
      options={WINDOWS.map((each) => ({
        value: String(each),
        text: each === 1 ? "Today" : `${each} days`,
      }))}
      onChoose={(value) => choose(Number(value))}
    />
  );
}
