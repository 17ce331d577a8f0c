import type { ButtonHTMLAttributes } from "react";

interface ButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  readonly kind?: "primary" | "plain" | "danger" | "quiet";
  /** Something is under way: the button waits. */
  readonly isBusy?: boolean;
}

/** A button; of a form only with `type="submit"`. One that cannot be pressed keeps the focus, which would be lost with it. */
export function Button({
  kind = "plain",
  isBusy = false,
  disabled = false,
  onClick,
  ...rest
}: ButtonProps) {
  const isIdle = !isBusy && !disabled;
  return (
    <button
      type="button"
      {...rest}
      className={`button button-${kind}`}
      aria-busy={isBusy || undefined}
      aria-disabled={!isIdle || undefined}
      onClick={isIdle ? onClick : (event) => event.preventDefault()}
    />
  );
}
