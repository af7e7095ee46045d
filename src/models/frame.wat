;; Rows of a picture to rows of a tensor: bilinear samples along x and y, rounded as bytes are, then normalised.
;; frame-module.ts holds this module compiled; a test compiles it again and compares.
(module
  (import "env" "memory" (memory 1))

  ;; One pixel as float32 [R, G, B, -] in 0..255, whole: from the 2 x 2 pixels at upper and lower.
  (func $sample (param $upper i32) (param $lower i32) (param $wx v128) (param $wy v128) (result v128)
    (local $a v128) (local $b v128)
    (local.set $a (f32x4.convert_i32x4_u (i32x4.extend_low_i16x8_u (i16x8.extend_low_i8x16_u (v128.load32_zero (local.get $upper))))))
    (local.set $a (f32x4.add (local.get $a) (f32x4.mul (local.get $wy) (f32x4.sub
      (f32x4.convert_i32x4_u (i32x4.extend_low_i16x8_u (i16x8.extend_low_i8x16_u (v128.load32_zero (local.get $lower)))))
      (local.get $a)))))
    (local.set $b (f32x4.convert_i32x4_u (i32x4.extend_low_i16x8_u (i16x8.extend_low_i8x16_u (v128.load32_zero offset=3 (local.get $upper))))))
    (local.set $b (f32x4.add (local.get $b) (f32x4.mul (local.get $wy) (f32x4.sub
      (f32x4.convert_i32x4_u (i32x4.extend_low_i16x8_u (i16x8.extend_low_i8x16_u (v128.load32_zero offset=3 (local.get $lower)))))
      (local.get $b)))))
    (f32x4.floor (f32x4.add (v128.const f32x4 0.5 0.5 0.5 0.5)
      (f32x4.add (local.get $a) (f32x4.mul (local.get $wx) (f32x4.sub (local.get $b) (local.get $a)))))))

  ;; n pixels. offsets: int32 [n], bytes into both rows; weights: float32 [n], of the pixel at the right; wy of the lower
  ;; row. The value is v * scale + bias for each channel (two float32 [4]). Channels are written to out, out + plane and
  ;; out + 2 plane; plane in bytes, negative for the channels in reverse.
  (func (export "colour") (param $offsets i32) (param $weights i32) (param $n i32) (param $upper i32) (param $lower i32) (param $wy f32)
    (param $scale i32) (param $bias i32) (param $out i32) (param $plane i32)
    (local $end i32) (local $at i32) (local $v v128) (local $y v128) (local $s v128) (local $b v128)
    (local.set $y (f32x4.splat (local.get $wy)))
    (local.set $s (v128.load (local.get $scale)))
    (local.set $b (v128.load (local.get $bias)))
    (local.set $end (i32.add (local.get $offsets) (i32.shl (local.get $n) (i32.const 2))))
    (loop $pixel
      (local.set $at (i32.load (local.get $offsets)))
      (local.set $v (call $sample (i32.add (local.get $upper) (local.get $at)) (i32.add (local.get $lower) (local.get $at))
        (v128.load32_splat (local.get $weights)) (local.get $y)))
      (local.set $v (f32x4.add (f32x4.mul (local.get $v) (local.get $s)) (local.get $b)))
      (v128.store32_lane 0 (local.get $out) (local.get $v))
      (v128.store32_lane 1 (i32.add (local.get $out) (local.get $plane)) (local.get $v))
      (v128.store32_lane 2 (i32.add (local.get $out) (i32.shl (local.get $plane) (i32.const 1))) (local.get $v))
      (local.set $weights (i32.add (local.get $weights) (i32.const 4)))
      (local.set $out (i32.add (local.get $out) (i32.const 4)))
      (br_if $pixel (i32.lt_u (local.tee $offsets (i32.add (local.get $offsets) (i32.const 4))) (local.get $end)))))

  ;; The same for one channel: the sum of R, G and B by the weights in luma (float32 [4]), rounded, then normalised.
  (func (export "grey") (param $offsets i32) (param $weights i32) (param $n i32) (param $upper i32) (param $lower i32) (param $wy f32)
    (param $scale i32) (param $bias i32) (param $out i32) (param $luma i32)
    (local $end i32) (local $at i32) (local $v v128) (local $y v128) (local $l v128)
    (local.set $y (f32x4.splat (local.get $wy)))
    (local.set $l (v128.load (local.get $luma)))
    (local.set $end (i32.add (local.get $offsets) (i32.shl (local.get $n) (i32.const 2))))
    (loop $pixel
      (local.set $at (i32.load (local.get $offsets)))
      (local.set $v (f32x4.mul (local.get $l) (call $sample (i32.add (local.get $upper) (local.get $at)) (i32.add (local.get $lower) (local.get $at))
        (v128.load32_splat (local.get $weights)) (local.get $y))))
      (f32.store (local.get $out) (f32.add (f32.load (local.get $bias)) (f32.mul (f32.load (local.get $scale))
        (f32.floor (f32.add (f32.const 0.5) (f32.add (f32.add (f32x4.extract_lane 0 (local.get $v)) (f32x4.extract_lane 1 (local.get $v))) (f32x4.extract_lane 2 (local.get $v))))))))
      (local.set $weights (i32.add (local.get $weights) (i32.const 4)))
      (local.set $out (i32.add (local.get $out) (i32.const 4)))
      (br_if $pixel (i32.lt_u (local.tee $offsets (i32.add (local.get $offsets) (i32.const 4))) (local.get $end))))))
