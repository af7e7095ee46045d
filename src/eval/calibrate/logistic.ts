// Logistic regression by maximum likelihood, with a small ridge penalty on the weights.
import { Matrix, solve } from 'ml-matrix'
import { dot } from '../../math/vector.ts'
import { logistic } from '../../link/probability.ts'

export interface LogisticModel { readonly intercept: number, readonly weights: readonly number[] }

/** With features of unit variance this shrinks a weight by a few percent, and keeps it finite for separable classes. */
const RIDGE = 1
const MAX_STEPS = 50
const SMALL_STEP = 1e-8

/**
 * Newton's method (iteratively reweighted least squares).
 *
 * @param rows `[n][f]`, standardised. @param right `[n]`.
 * @see Hastie, Tibshirani & Friedman, "The elements of statistical learning", section 4.4.1.
 */
export function fitLogistic (rows: ReadonlyArray<readonly number[]>, right: readonly boolean[]): LogisticModel {
  const design = rows.map(row => [1, ...row])
  const size = design[0]!.length
  let beta = new Array<number>(size).fill(0)
  for (let step = 0; step < MAX_STEPS; step++) {
    const hessian = Matrix.zeros(size, size)
    const gradient = new Array<number>(size).fill(0)
    for (let i = 1; i < size; i++) {
      hessian.set(i, i, RIDGE)
      gradient[i]! -= RIDGE * beta[i]!
    }
    design.forEach((x, n) => {
      const p = logistic(dot(x, beta))
      const residual = (right[n]! ? 1 : 0) - p
      for (let i = 0; i < size; i++) {
        gradient[i]! += residual * x[i]!
        for (let j = 0; j < size; j++) hessian.set(i, j, hessian.get(i, j) + p * (1 - p) * x[i]! * x[j]!)
      }
    })
    const change = solve(hessian, Matrix.columnVector(gradient), true).to1DArray()
    beta = beta.map((b, i) => b + change[i]!)
    if (Math.max(...change.map(Math.abs)) < SMALL_STEP) break
  }
  return { intercept: beta[0]!, weights: beta.slice(1) }
}
