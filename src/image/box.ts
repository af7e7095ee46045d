// Axis-aligned boxes. Pure geometry in any frame that all boxes of a call share.
import type { Box } from '../types.ts'

export const width = (b: Box): number => b.x2 - b.x1
export const height = (b: Box): number => b.y2 - b.y1
export const area = (b: Box): number => Math.max(0, b.x2 - b.x1) * Math.max(0, b.y2 - b.y1)
export const shortSide = (b: Box): number => Math.min(b.x2 - b.x1, b.y2 - b.y1)

export function intersection (a: Box, b: Box): number {
  const w = Math.min(a.x2, b.x2) - Math.max(a.x1, b.x1)
  const h = Math.min(a.y2, b.y2) - Math.max(a.y1, b.y1)
  return w > 0 && h > 0 ? w * h : 0
}

/** Intersection over union, 0..1. */
export function iou (a: Box, b: Box): number {
  const i = intersection(a, b)
  return i === 0 ? 0 : i / (area(a) + area(b) - i)
}

/** Intersection over the smaller area, 0..1; 1 if one box is inside the other. */
export function overlapOfSmaller (a: Box, b: Box): number {
  const i = intersection(a, b)
  return i === 0 ? 0 : i / Math.min(area(a), area(b))
}

/** The part of `b` inside a `w` x `h` image. */
export function clampBox (b: Box, w: number, h: number): Box {
  return { x1: Math.max(0, b.x1), y1: Math.max(0, b.y1), x2: Math.min(w, b.x2), y2: Math.min(h, b.y2) }
}

/** The same centre, sides multiplied by `factor`. */
export function scaleBox (b: Box, factor: number): Box {
  const cx = (b.x1 + b.x2) / 2
  const cy = (b.y1 + b.y2) / 2
  const w = width(b) * factor / 2
  const h = height(b) * factor / 2
  return { x1: cx - w, y1: cy - h, x2: cx + w, y2: cy + h }
}

export const shiftBox = (b: Box, dx: number, dy = 0): Box => ({ x1: b.x1 + dx, y1: b.y1 + dy, x2: b.x2 + dx, y2: b.y2 + dy })

/** The square with the same centre whose side is the longer side of `b`. */
export function squareBox (b: Box): Box {
  const cx = (b.x1 + b.x2) / 2
  const cy = (b.y1 + b.y2) / 2
  const r = Math.max(width(b), height(b)) / 2
  return { x1: cx - r, y1: cy - r, x2: cx + r, y2: cy + r }
}

/**
 * Greedy non-maximum suppression: in order of score, drops each item that is the `same` as a kept one.
 *
 * @returns the kept items, best score first; equal scores keep their order.
 */
export function suppress<T extends { box: Box, score: number }> (items: readonly T[], same: (kept: Box, other: Box) => boolean): T[] {
  const kept: T[] = []
  for (const item of [...items].sort((a, b) => b.score - a.score)) {
    if (!kept.some(k => same(k.box, item.box))) kept.push(item)
  }
  return kept
}
