;; The two passes of a resize with integer weights (WebAssembly SIMD).
;; bicubic-module.ts holds this module compiled; a test compiles it again and compares.
(module
  (import "env" "memory" (memory 1))

  ;; One row of RGB to n pixels. first: int32 [n], offset of the first tap of each pixel in the row, bytes; counts: int32 [n],
  ;; number of taps, at least one; weights: int32 [n, taps]. out: uint8 [n, 3] and one byte more, (sum + half) >> 22, clamped.
  (func (export "row") (param $first i32) (param $counts i32) (param $weights i32) (param $taps i32)
    (param $n i32) (param $in i32) (param $out i32)
    (local $end i32) (local $at i32) (local $w i32) (local $last i32) (local $sum v128)
    (local.set $end (i32.add (local.get $first) (i32.shl (local.get $n) (i32.const 2))))
    (loop $pixel
      (local.set $sum (v128.const i32x4 0x200000 0x200000 0x200000 0x200000))
      (local.set $at (i32.add (local.get $in) (i32.load (local.get $first))))
      (local.set $w (local.get $weights))
      (local.set $last (i32.add (local.get $w) (i32.shl (i32.load (local.get $counts)) (i32.const 2))))
      (loop $tap
        (local.set $sum (i32x4.add (local.get $sum) (i32x4.mul
          (i32x4.extend_low_i16x8_u (i16x8.extend_low_i8x16_u (v128.load32_zero (local.get $at))))
          (v128.load32_splat (local.get $w)))))
        (local.set $at (i32.add (local.get $at) (i32.const 3)))
        (br_if $tap (i32.lt_u (local.tee $w (i32.add (local.get $w) (i32.const 4))) (local.get $last))))
      (local.set $sum (i32x4.shr_s (local.get $sum) (i32.const 22)))
      (local.set $sum (i16x8.narrow_i32x4_s (local.get $sum) (local.get $sum)))
      (v128.store32_lane 0 (local.get $out) (i8x16.narrow_i16x8_u (local.get $sum) (local.get $sum)))
      (local.set $out (i32.add (local.get $out) (i32.const 3)))
      (local.set $counts (i32.add (local.get $counts) (i32.const 4)))
      (local.set $weights (i32.add (local.get $weights) (i32.shl (local.get $taps) (i32.const 2))))
      (br_if $pixel (i32.lt_u (local.tee $first (i32.add (local.get $first) (i32.const 4))) (local.get $end)))))

  ;; The sum of `count` rows of `stride` bytes from $in on, weighted by int32 [count]. out: uint8 [n] and up to 7 bytes more.
  (func (export "column") (param $weights i32) (param $count i32) (param $stride i32) (param $n i32) (param $in i32) (param $out i32)
    (local $end i32) (local $at i32) (local $w i32) (local $last i32) (local $v v128) (local $a v128) (local $b v128)
    (local.set $end (i32.add (local.get $out) (local.get $n)))
    (local.set $last (i32.add (local.get $weights) (i32.shl (local.get $count) (i32.const 2))))
    (loop $eight
      (local.set $a (v128.const i32x4 0x200000 0x200000 0x200000 0x200000))
      (local.set $b (local.get $a))
      (local.set $at (local.get $in))
      (local.set $w (local.get $weights))
      (loop $tap
        (local.set $v (v128.load8x8_u (local.get $at)))
        (local.set $a (i32x4.add (local.get $a) (i32x4.mul (i32x4.extend_low_i16x8_u (local.get $v)) (v128.load32_splat (local.get $w)))))
        (local.set $b (i32x4.add (local.get $b) (i32x4.mul (i32x4.extend_high_i16x8_u (local.get $v)) (v128.load32_splat (local.get $w)))))
        (local.set $at (i32.add (local.get $at) (local.get $stride)))
        (br_if $tap (i32.lt_u (local.tee $w (i32.add (local.get $w) (i32.const 4))) (local.get $last))))
      (local.set $a (i16x8.narrow_i32x4_s (i32x4.shr_s (local.get $a) (i32.const 22)) (i32x4.shr_s (local.get $b) (i32.const 22))))
      (v128.store64_lane 0 (local.get $out) (i8x16.narrow_i16x8_u (local.get $a) (local.get $a)))
      (local.set $in (i32.add (local.get $in) (i32.const 8)))
      (br_if $eight (i32.lt_u (local.tee $out (i32.add (local.get $out) (i32.const 8))) (local.get $end))))))
