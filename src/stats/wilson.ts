/** How sure a share is, given how many were counted. */

/** A share from 0 to 1, between the ends of its interval. */
export interface Share {
  readonly value: number;
  readonly lower: number;
  readonly upper: number;
}

/**
 * The share of successes with its 95 % score interval:
 * (p + z²/2n ± z·√(p(1−p)/n + z²/4n²)) / (1 + z²/n), where p = successes / n and n = trials. Unlike p ± z·σ it
 * stays within 0 to 1 and is no single point at 0 or n successes. Of no trials, 0 within all of 0 to 1.
 * Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927).
 */
export function wilsonInterval(successes: number, trials: number): Share {
  if (trials === 0) return { value: 0, lower: 0, upper: 1 };
  const value = successes / trials;
  const weight = Z ** 2 / trials;
  const middle = value + weight / 2;
  const reach = Math.sqrt(weight * (value * (1 - value) + weight / 4));
  return {
    value,
    lower: (middle - reach) / (1 + weight),
    // A double may miss the 1 by its last digit.
    upper: successes === trials ? 1 : (middle + reach) / (1 + weight),
  };
}

/** 95 % of a normal distribution lie within so many standard deviations. */
const Z = 1.959963984540054;
