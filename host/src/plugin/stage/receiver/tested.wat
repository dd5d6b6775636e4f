;; A receiver of logs for tests, with the listeners `http` (POST /events), `udp`, `tcp` (lines) and `grpc` (/x.Events/Put).
;; It replies to a body by its first byte:
;;   !  traps
;;   ?  rejects it with 400 (gRPC: INVALID_ARGUMENT), for the reason `bad`
;;   ~  as others, and asks for the answer 429 (gRPC: RESOURCE_EXHAUSTED) if a pipeline refuses it
;;   other bytes, and none: one log record, and the answer 202 (gRPC: OK) with the body `ok`
(module
  (import "spanloom:plugin/batches@0.2.0" "[static]logs-batch.from-otlp"
    (func $from_otlp (param i32 i32 i32)))
  (memory (export "memory") 64)
  ;; What comes in is above 1 MiB.
  (global $next (mut i32) (i32.const 1048576))
  (global $grpc (mut i32) (i32.const 0))
  (data (i32.const 0) "http    udp tcp 127.0.0.1:0     POST    /events bad later ok")
  (data (i32.const 200) "grpc/x.Events/Put")
  ;; An ExportLogsServiceRequest of one record.
  (data (i32.const 64) "\0a\07\12\05\12\03\1a\01x")
  ;; The listeners: names, endpoints, and what they take.
  (data (i32.const 1024)
    "\00\00\00\00\04\00\00\00\10\00\00\00\0b\00\00\00\00\00\00\00\b0\04\00\00\01\00\00\00"
    "\08\00\00\00\03\00\00\00\10\00\00\00\0b\00\00\00\01\00\00\00\00\00\00\00\00\00\00\00"
    "\0c\00\00\00\03\00\00\00\10\00\00\00\0b\00\00\00\02\00\00\00\00\00\00\00\00\00\00\00"
    "\c8\00\00\00\04\00\00\00\10\00\00\00\0b\00\00\00\03\00\00\00\c0\04\00\00\01\00\00\00")
  ;; The route, and the method.
  (data (i32.const 1200) "\20\00\00\00\04\00\00\00\28\00\00\00\07\00\00\00")
  (data (i32.const 1216) "\cc\00\00\00\0d\00\00\00")
  ;; The lists of listeners and of signals.
  (data (i32.const 1300) "\00\04\00\00\04\00\00\00")
  (data (i32.const 1312) "\28\05\00\00\01\00\00\00\02")
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (local $at i32)
    (local.set $at (i32.and (i32.add (global.get $next) (i32.const 15)) (i32.const -16)))
    (global.set $next (i32.add (local.get $at) (local.get 3)))
    (local.get $at))
  (func (export "spanloom:plugin/receiving@0.2.0#listens") (result i32) (i32.const 1300))
  (func (export "spanloom:plugin/receiving@0.2.0#emits") (result i32) (i32.const 1312))
  (func (export "spanloom:plugin/receiving@0.2.0#configure") (param i32 i32) (result i32)
    (i32.store (i32.const 512) (i32.const 0))
    (i32.const 512))
  (func $first (param $request i32) (result i32)
    (if (result i32) (i32.load offset=52 (local.get $request))
      (then (i32.load8_u (i32.load offset=48 (local.get $request))))
      (else (i32.const 0))))
  (func $reject (param $reply i32)
    (i32.store (local.get $reply) (i32.const 1))
    (i32.store offset=4 (local.get $reply) (select (i32.const 3) (i32.const 400) (global.get $grpc)))
    (i64.store offset=8 (local.get $reply) (i64.const 0))
    (i64.store offset=16 (local.get $reply) (i64.const 0))
    (i32.store offset=24 (local.get $reply) (i32.const 48))
    (i32.store offset=28 (local.get $reply) (i32.const 3)))
  (func $take (param $reply i32) (param $batch i32) (param $asks i32)
    (call $from_otlp (i32.const 64) (i32.const 9) (i32.const 3000))
    (i32.store (local.get $batch) (i32.const 2))
    (i32.store offset=4 (local.get $batch) (i32.load (i32.const 3004)))
    (i32.store (local.get $reply) (i32.const 0))
    (i32.store offset=4 (local.get $reply) (local.get $batch))
    (i32.store offset=8 (local.get $reply) (i32.const 1))
    (i32.store offset=12 (local.get $reply) (select (i32.const 0) (i32.const 202) (global.get $grpc)))
    (i64.store offset=16 (local.get $reply) (i64.const 0))
    (i32.store offset=24 (local.get $reply) (i32.const 58))
    (i32.store offset=28 (local.get $reply) (i32.const 2))
    (i32.store offset=32 (local.get $reply) (local.get $asks))
    (i32.store offset=36 (local.get $reply) (select (i32.const 8) (i32.const 429) (global.get $grpc)))
    (i64.store offset=40 (local.get $reply) (i64.const 0))
    (i32.store offset=48 (local.get $reply) (i32.const 52))
    (i32.store offset=52 (local.get $reply) (i32.const 5)))
  (func (export "spanloom:plugin/receiving@0.2.0#receive") (param $requests i32) (param $count i32) (result i32)
    (local $number i32) (local $first i32) (local $reply i32)
    (global.set $grpc (i32.const 0))
    (block $done (loop $each
      (br_if $done (i32.ge_u (local.get $number) (local.get $count)))
      (if (i32.eq (i32.load (local.get $requests)) (i32.const 3)) (then (global.set $grpc (i32.const 1))))
      (local.set $first
        (call $first (i32.add (local.get $requests) (i32.mul (local.get $number) (i32.const 56)))))
      (local.set $reply (i32.add (i32.const 8192) (i32.mul (local.get $number) (i32.const 56))))
      (if (i32.eq (local.get $first) (i32.const 33)) (then (unreachable)))
      (if (i32.eq (local.get $first) (i32.const 63))
        (then (call $reject (local.get $reply)))
        (else (call $take
          (local.get $reply)
          (i32.add (i32.const 131072) (i32.mul (local.get $number) (i32.const 8)))
          (i32.eq (local.get $first) (i32.const 126)))))
      (local.set $number (i32.add (local.get $number) (i32.const 1)))
      (br $each)))
    (global.set $next (i32.const 1048576))
    (i32.store (i32.const 2048) (i32.const 0))
    (i32.store (i32.const 2056) (i32.const 8192))
    (i32.store (i32.const 2060) (local.get $count))
    (i32.const 2048)))
