import type { ButtonHTMLAttributes } from "react";

interface ButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  readonly kind?: "primary" | "plain" | "danger" | "quiet";
  /** Something is under way: the button waits. */
  readonly isBusy?: boolean;
}

/** A button; of a form only with `type="submit"`. */
export function Button({ kind = "plain", isBusy = false, ...rest }: ButtonProps) {
  return (
    <button
      type="button"
      {...rest}
      className={`button button-${kind}`}
      disabled={isBusy || rest.disabled}
      aria-busy={isBusy || undefined}
    />
  );
}
