;; Passes on what it is given: OTLP over HTTP. The least that a receiver can do.
(module
  (import "spanloom:plugin/spans@0.2.0" "[static]span-batch.from-otlp" (func $spans (param i32 i32 i32)))
  (import "spanloom:plugin/batches@0.2.0" "[static]metrics-batch.from-otlp" (func $metrics (param i32 i32 i32)))
  (import "spanloom:plugin/batches@0.2.0" "[static]logs-batch.from-otlp" (func $logs (param i32 i32 i32)))
  (memory (export "memory") 2)
  (data (i32.const 0) "127.0.0.1:4318")
  (data (i32.const 16) "POST/v1/*")
  ;; A listener without a name: its endpoint, and the list of its routes at 64.
  (data (i32.const 32) "\00\00\00\00\00\00\00\00\00\00\00\00\0e\00\00\00\00\00\00\00\40\00\00\00\01\00\00\00")
  (data (i32.const 64) "\10\00\00\00\04\00\00\00\14\00\00\00\05\00\00\00")
  ;; The lists of listeners and of signals.
  (data (i32.const 80) "\20\00\00\00\01\00\00\00")
  (data (i32.const 88) "\60\00\00\00\03\00\00\00\00\01\02")
  (data (i32.const 160) "not OTLP")
  ;; Taken: a list at 192 of one batch, and the answer 200. Rejected: the answer 400, and the reason.
  (data (i32.const 256) "\00\00\00\00\c0\00\00\00\01\00\00\00\c8")
  (data (i32.const 448) "\01\00\00\00\90\01")
  (data (i32.const 472) "\a0\00\00\00\08\00\00\00")
  ;; Ok, at 320: a list of one reply.
  (data (i32.const 332) "\01")
  ;; What comes in is above 64 KiB, and is forgotten after the call.
  (global $next (mut i32) (i32.const 65536))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (local $at i32)
    (local.set $at (i32.and (i32.add (global.get $next) (i32.const 15)) (i32.const -16)))
    (global.set $next (i32.add (local.get $at) (local.get 3)))
    (if (i32.gt_u (global.get $next) (i32.shl (memory.size) (i32.const 16)))
      (then
        (drop (memory.grow (i32.sub
          (i32.add (i32.shr_u (global.get $next) (i32.const 16)) (i32.const 1))
          (memory.size))))))
    (local.get $at))
  (func (export "spanloom:plugin/receiving@0.2.0#listens") (result i32) (i32.const 80))
  (func (export "spanloom:plugin/receiving@0.2.0#emits") (result i32) (i32.const 88))
  ;; Ok: zeros.
  (func (export "spanloom:plugin/receiving@0.2.0#configure") (param i32 i32) (result i32) (i32.const 128))
  ;; Writes the number of the signal and makes the batch, by the first letter after `/v1/`.
  (func $make (param $letter i32) (param $body i32) (param $len i32)
    (if (i32.eq (local.get $letter) (i32.const 108)) ;; logs
      (then
        (i32.store (i32.const 192) (i32.const 2))
        (call $logs (local.get $body) (local.get $len) (i32.const 384))
        (return)))
    (if (i32.eq (local.get $letter) (i32.const 109)) ;; metrics
      (then
        (i32.store (i32.const 192) (i32.const 1))
        (call $metrics (local.get $body) (local.get $len) (i32.const 384))
        (return)))
    (i32.store (i32.const 192) (i32.const 0))
    (call $spans (local.get $body) (local.get $len) (i32.const 384)))
  (func $letter (param $path i32) (param $len i32) (result i32)
    (if (result i32) (i32.gt_u (local.get $len) (i32.const 4))
      (then (i32.load8_u offset=4 (local.get $path)))
      (else (i32.const 0))))
  ;; A call over HTTP has one request.
  (func (export "spanloom:plugin/receiving@0.2.0#receive") (param $request i32) (param $count i32) (result i32)
    (call $make
      (call $letter (i32.load offset=24 (local.get $request)) (i32.load offset=28 (local.get $request)))
      (i32.load offset=48 (local.get $request))
      (i32.load offset=52 (local.get $request)))
    (i32.store (i32.const 196) (i32.load (i32.const 388)))
    (i32.store (i32.const 328)
      (select (i32.const 448) (i32.const 256) (i32.load8_u (i32.const 384))))
    (global.set $next (i32.const 65536))
    (i32.const 320)))
