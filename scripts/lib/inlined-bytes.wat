;; Makes bytes of their text: what scripts/lib/inlined-bytes.mjs puts into the package decodes its own
;; bytes with this. In JavaScript it took 5 ms of each page's first use, interpreted; here it takes
;; half a millisecond, and compiling this is quick: there is so little of it.
;;
;; Memory holds three tables of 128 bytes, by the code of a character: the bytes that are one
;; character, and the second characters of those that begin with `}` and with `~`. Behind them is the
;; text, in whose place the bytes are put: they take no more room.
(module
  (memory (export "memory") 1)
  (func (export "decode") (param $end i32) (result i32)
    (local $from i32)
    (local $to i32)
    (local $code i32)
    (local.set $from (local.tee $to (i32.const 384)))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $from) (local.get $end)))
        (local.set $code (i32.load8_u (local.get $from)))
        (local.set $from (i32.add (local.get $from) (i32.const 1)))
        (if (i32.ge_u (local.get $code) (i32.const 125))
          (then
            (local.set $code
              (i32.add
                (i32.shl (i32.sub (local.get $code) (i32.const 124)) (i32.const 7))
                (i32.load8_u (local.get $from))))
            (local.set $from (i32.add (local.get $from) (i32.const 1)))))
        (i32.store8 (local.get $to) (i32.load8_u (local.get $code)))
        (local.set $to (i32.add (local.get $to) (i32.const 1)))
        (br $next)))
    (local.get $to)))
