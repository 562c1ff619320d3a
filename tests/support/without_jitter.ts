/** Retries wait no time while it is in use: their waits are a random share of a maximum. */
export function withoutJitter(): Disposable {
  const { random } = Math;
  Math.random = () => 0;
  return { [Symbol.dispose]: () => void (Math.random = random) };
}
