;; Cosines of one query to many int8, int16 or float32 vectors (WebAssembly SIMD).
;; dot-kernel-module.ts holds this module compiled; a test compiles it again and compares.
(module
  (import "env" "memory" (memory 1 65536 shared))
  ;; codes: int8 [count, dims]; scales: float32 [count]; query: int16 [dims], followed by zeros up to a multiple of 16;
  ;; out: float32 [count]. Up to 15 numbers behind a row are read: the query's zeros cancel them.
  ;; out[i] = (codes[i] . query) * scales[i] * unit
  (func (export "scan8") (param $codes i32) (param $scales i32) (param $count i32) (param $dims i32)
    (param $query i32) (param $unit f32) (param $out i32)
    (local $end i32) (local $d i32) (local $c v128) (local $a v128) (local $b v128)
    (local.set $end (i32.add (local.get $out) (i32.shl (local.get $count) (i32.const 2))))
    (block $done
      (loop $vector
        (br_if $done (i32.ge_u (local.get $out) (local.get $end)))
        (local.set $a (v128.const i32x4 0 0 0 0))
        (local.set $b (v128.const i32x4 0 0 0 0))
        (local.set $d (i32.const 0))
        (loop $part
          (local.set $c (v128.load (i32.add (local.get $codes) (local.get $d))))
          (local.set $a (i32x4.add (local.get $a) (i32x4.dot_i16x8_s
            (i16x8.extend_low_i8x16_s (local.get $c))
            (v128.load (i32.add (local.get $query) (i32.shl (local.get $d) (i32.const 1)))))))
          (local.set $b (i32x4.add (local.get $b) (i32x4.dot_i16x8_s
            (i16x8.extend_high_i8x16_s (local.get $c))
            (v128.load offset=16 (i32.add (local.get $query) (i32.shl (local.get $d) (i32.const 1)))))))
          (br_if $part (i32.lt_u (local.tee $d (i32.add (local.get $d) (i32.const 16))) (local.get $dims))))
        (local.set $a (i32x4.add (local.get $a) (local.get $b)))
        (f32.store (local.get $out) (f32.mul (f32.mul
          (f32.convert_i32_s (i32.add
            (i32.add (i32x4.extract_lane 0 (local.get $a)) (i32x4.extract_lane 1 (local.get $a)))
            (i32.add (i32x4.extract_lane 2 (local.get $a)) (i32x4.extract_lane 3 (local.get $a)))))
          (f32.load (local.get $scales))) (local.get $unit)))
        (local.set $codes (i32.add (local.get $codes) (local.get $dims)))
        (local.set $scales (i32.add (local.get $scales) (i32.const 4)))
        (local.set $out (i32.add (local.get $out) (i32.const 4)))
        (br $vector))))

  ;; codes: int16 [count, dims]; out[i] = (codes[i] . query) * unit; the rest as above.
  (func (export "scan16") (param $codes i32) (param $count i32) (param $dims i32) (param $query i32) (param $unit f32) (param $out i32)
    (local $end i32) (local $d i32) (local $width i32) (local $a v128) (local $b v128)
    (local.set $end (i32.add (local.get $out) (i32.shl (local.get $count) (i32.const 2))))
    (local.set $width (i32.shl (local.get $dims) (i32.const 1)))
    (block $done
      (loop $vector
        (br_if $done (i32.ge_u (local.get $out) (local.get $end)))
        (local.set $a (v128.const i32x4 0 0 0 0))
        (local.set $b (v128.const i32x4 0 0 0 0))
        (local.set $d (i32.const 0))
        (loop $part
          (local.set $a (i32x4.add (local.get $a) (i32x4.dot_i16x8_s
            (v128.load (i32.add (local.get $codes) (local.get $d)))
            (v128.load (i32.add (local.get $query) (local.get $d))))))
          (local.set $b (i32x4.add (local.get $b) (i32x4.dot_i16x8_s
            (v128.load offset=16 (i32.add (local.get $codes) (local.get $d)))
            (v128.load offset=16 (i32.add (local.get $query) (local.get $d))))))
          (br_if $part (i32.lt_u (local.tee $d (i32.add (local.get $d) (i32.const 32))) (local.get $width))))
        (local.set $a (i32x4.add (local.get $a) (local.get $b)))
        (f32.store (local.get $out) (f32.mul
          (f32.convert_i32_s (i32.add
            (i32.add (i32x4.extract_lane 0 (local.get $a)) (i32x4.extract_lane 1 (local.get $a)))
            (i32.add (i32x4.extract_lane 2 (local.get $a)) (i32x4.extract_lane 3 (local.get $a)))))
          (local.get $unit)))
        (local.set $codes (i32.add (local.get $codes) (local.get $width)))
        (local.set $out (i32.add (local.get $out) (i32.const 4)))
        (br $vector))))

  ;; codes and query: float32; out[i] = codes[i] . query; the rest as above.
  (func (export "scan32") (param $codes i32) (param $count i32) (param $dims i32) (param $query i32) (param $out i32)
    (local $end i32) (local $d i32) (local $width i32) (local $a v128) (local $b v128)
    (local.set $end (i32.add (local.get $out) (i32.shl (local.get $count) (i32.const 2))))
    (local.set $width (i32.shl (local.get $dims) (i32.const 2)))
    (block $done
      (loop $vector
        (br_if $done (i32.ge_u (local.get $out) (local.get $end)))
        (local.set $a (v128.const f32x4 0 0 0 0))
        (local.set $b (v128.const f32x4 0 0 0 0))
        (local.set $d (i32.const 0))
        (loop $part
          (local.set $a (f32x4.add (local.get $a) (f32x4.mul
            (v128.load (i32.add (local.get $codes) (local.get $d)))
            (v128.load (i32.add (local.get $query) (local.get $d))))))
          (local.set $b (f32x4.add (local.get $b) (f32x4.mul
            (v128.load offset=16 (i32.add (local.get $codes) (local.get $d)))
            (v128.load offset=16 (i32.add (local.get $query) (local.get $d))))))
          (br_if $part (i32.lt_u (local.tee $d (i32.add (local.get $d) (i32.const 32))) (local.get $width))))
        (local.set $a (f32x4.add (local.get $a) (local.get $b)))
        (f32.store (local.get $out)
          (f32.add
            (f32.add (f32x4.extract_lane 0 (local.get $a)) (f32x4.extract_lane 1 (local.get $a)))
            (f32.add (f32x4.extract_lane 2 (local.get $a)) (f32x4.extract_lane 3 (local.get $a)))))
        (local.set $codes (i32.add (local.get $codes) (local.get $width)))
        (local.set $out (i32.add (local.get $out) (i32.const 4)))
        (br $vector))))

  ;; Writes the indices of the values that are at least $least, ascending, to out: uint32. Returns their number.
  ;; Reads up to the next multiple of four behind count: the caller drops indices from count on.
  (func (export "above") (param $values i32) (param $count i32) (param $least f32) (param $out i32) (result i32)
    (local $i i32) (local $n i32) (local $all v128)
    (local.set $all (f32x4.splat (local.get $least)))
    (local.set $n (local.get $out))
    (block $done
      (loop $four
        (br_if $done (i32.ge_u (local.get $i) (local.get $count)))
        (if (v128.any_true (f32x4.ge (v128.load (local.get $values)) (local.get $all)))
          (then
            (i32.store (local.get $n) (local.get $i))
            (local.set $n (i32.add (local.get $n) (i32.shl (f32.ge (f32.load (local.get $values)) (local.get $least)) (i32.const 2))))
            (i32.store (local.get $n) (i32.add (local.get $i) (i32.const 1)))
            (local.set $n (i32.add (local.get $n)
              (i32.shl (f32.ge (f32.load offset=4 (local.get $values)) (local.get $least)) (i32.const 2))))
            (i32.store (local.get $n) (i32.add (local.get $i) (i32.const 2)))
            (local.set $n (i32.add (local.get $n)
              (i32.shl (f32.ge (f32.load offset=8 (local.get $values)) (local.get $least)) (i32.const 2))))
            (i32.store (local.get $n) (i32.add (local.get $i) (i32.const 3)))
            (local.set $n (i32.add (local.get $n)
              (i32.shl (f32.ge (f32.load offset=12 (local.get $values)) (local.get $least)) (i32.const 2))))))
        (local.set $i (i32.add (local.get $i) (i32.const 4)))
        (local.set $values (i32.add (local.get $values) (i32.const 16)))
        (br $four)))
    (i32.shr_u (i32.sub (local.get $n) (local.get $out)) (i32.const 2))))
