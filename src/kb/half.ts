// IEEE 754 half precision, for which Node 20 has no typed array.

/** The half nearest to `x`, ties to even, as 16 bits; from 65520 on it is infinity. */
export function toHalf (x: number): number {
  const sign = x < 0 || Object.is(x, -0) ? 0x8000 : 0
  const size = Math.abs(x)
  if (Number.isNaN(x)) return 0x7e00
  if (size >= 65520) return sign | 0x7c00
  // Steps are 2^-24 wide below the smallest normal half, 2^-14.
  const exponent = Math.max(-14, Math.floor(Math.log2(size)))
  const steps = nearestEven(size / 2 ** (exponent - 10))
  return sign + ((exponent + 14) << 10) + steps
}

/** The number that these 16 bits stand for. */
export function fromHalf (half: number): number {
  const sign = (half & 0x8000) === 0 ? 1 : -1
  const exponent = (half >>> 10) & 0x1f
  const fraction = half & 0x3ff
  if (exponent === 0) return sign * fraction * 2 ** -24
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
}

function nearestEven (x: number): number {
  const down = Math.floor(x)
  const rest = x - down
  return rest > 0.5 || (rest === 0.5 && down % 2 === 1) ? down + 1 : down
}
