;; Rows of a picture to rows of a tensor: sampled bilinearly along y, then along x, rounded to bytes, then normalised.
;; warp-to-tensor-module.ts holds this module compiled; a test compiles it again and compares.
(module
  (import "env" "memory" (memory 1))

  ;; out[i] = upper[i] + wy * (lower[i] - upper[i]), float32, for n bytes and up to 7 more.
  (func (export "blend") (param $upper i32) (param $lower i32) (param $n i32) (param $wy f32) (param $out i32)
    (local $end i32) (local $y v128) (local $a v128) (local $b v128)
    (local.set $y (f32x4.splat (local.get $wy)))
    (local.set $end (i32.add (local.get $upper) (local.get $n)))
    (loop $eight
      ;; Differences of bytes fit int16.
      (local.set $a (v128.load8x8_u (local.get $upper)))
      (local.set $b (i16x8.sub (v128.load8x8_u (local.get $lower)) (local.get $a)))
      (v128.store (local.get $out) (f32x4.add
        (f32x4.convert_i32x4_s (i32x4.extend_low_i16x8_s (local.get $a)))
        (f32x4.mul (local.get $y) (f32x4.convert_i32x4_s (i32x4.extend_low_i16x8_s (local.get $b))))))
      (v128.store offset=16 (local.get $out) (f32x4.add
        (f32x4.convert_i32x4_s (i32x4.extend_high_i16x8_s (local.get $a)))
        (f32x4.mul (local.get $y) (f32x4.convert_i32x4_s (i32x4.extend_high_i16x8_s (local.get $b))))))
      (local.set $out (i32.add (local.get $out) (i32.const 32)))
      (local.set $lower (i32.add (local.get $lower) (i32.const 8)))
      (br_if $eight (i32.lt_u (local.tee $upper (i32.add (local.get $upper) (i32.const 8))) (local.get $end)))))

  ;; n pixels of a blended row. offsets: int32 [n], of the R of each pixel, bytes; weights: float32 [n], of the pixel to its
  ;; right. The result is v * scale + bias for each channel (float32 [4] each). Channels are written to out, out + plane and
  ;; out + 2 plane; plane in bytes, negative for the channels in reverse order.
  (func (export "colour") (param $offsets i32) (param $weights i32) (param $n i32) (param $row i32)
    (param $scale i32) (param $bias i32) (param $out i32) (param $plane i32)
    (local $end i32) (local $at i32) (local $v v128) (local $s v128) (local $b v128)
    (local.set $s (v128.load (local.get $scale)))
    (local.set $b (v128.load (local.get $bias)))
    (local.set $end (i32.add (local.get $offsets) (i32.shl (local.get $n) (i32.const 2))))
    (loop $pixel
      (local.set $at (i32.add (local.get $row) (i32.load (local.get $offsets))))
      (local.set $v (v128.load (local.get $at)))
      (local.set $v (f32x4.floor (f32x4.add (v128.const f32x4 0.5 0.5 0.5 0.5) (f32x4.add (local.get $v)
        (f32x4.mul (v128.load32_splat (local.get $weights)) (f32x4.sub (v128.load offset=12 (local.get $at)) (local.get $v)))))))
      (local.set $v (f32x4.add (f32x4.mul (local.get $v) (local.get $s)) (local.get $b)))
      (v128.store32_lane 0 (local.get $out) (local.get $v))
      (v128.store32_lane 1 (i32.add (local.get $out) (local.get $plane)) (local.get $v))
      (v128.store32_lane 2 (i32.add (local.get $out) (i32.shl (local.get $plane) (i32.const 1))) (local.get $v))
      (local.set $weights (i32.add (local.get $weights) (i32.const 4)))
      (local.set $out (i32.add (local.get $out) (i32.const 4)))
      (br_if $pixel (i32.lt_u (local.tee $offsets (i32.add (local.get $offsets) (i32.const 4))) (local.get $end)))))

  ;; The same for one channel: the sum of R, G and B weighted by luma (float32 [4]), rounded, then normalised.
  (func (export "grey") (param $offsets i32) (param $weights i32) (param $n i32) (param $row i32)
    (param $scale i32) (param $bias i32) (param $out i32) (param $luma i32)
    (local $end i32) (local $at i32) (local $v v128) (local $l v128)
    (local.set $l (v128.load (local.get $luma)))
    (local.set $end (i32.add (local.get $offsets) (i32.shl (local.get $n) (i32.const 2))))
    (loop $pixel
      (local.set $at (i32.add (local.get $row) (i32.load (local.get $offsets))))
      (local.set $v (v128.load (local.get $at)))
      (local.set $v (f32x4.mul (local.get $l) (f32x4.floor (f32x4.add (v128.const f32x4 0.5 0.5 0.5 0.5) (f32x4.add (local.get $v)
        (f32x4.mul (v128.load32_splat (local.get $weights)) (f32x4.sub (v128.load offset=12 (local.get $at)) (local.get $v))))))))
      (f32.store (local.get $out) (f32.add (f32.load (local.get $bias)) (f32.mul (f32.load (local.get $scale))
        (f32.floor (f32.add (f32.const 0.5)
          (f32.add
            (f32.add (f32x4.extract_lane 0 (local.get $v)) (f32x4.extract_lane 1 (local.get $v)))
            (f32x4.extract_lane 2 (local.get $v))))))))
      (local.set $weights (i32.add (local.get $weights) (i32.const 4)))
      (local.set $out (i32.add (local.get $out) (i32.const 4)))
      (br_if $pixel (i32.lt_u (local.tee $offsets (i32.add (local.get $offsets) (i32.const 4))) (local.get $end))))))
