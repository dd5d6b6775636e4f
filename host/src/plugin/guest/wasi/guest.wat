;; Tries what WASI offers, and says what it got.
(component
  (import "wasi:cli/environment@0.2.0" (instance $environment
    (export "get-environment" (func (result (list (tuple string string)))))
    (export "get-arguments" (func (result (list string))))
    (export "initial-cwd" (func (result (option string))))))

  (import "wasi:filesystem/types@0.2.0" (instance $files
    (export "descriptor" (type (sub resource)))))
  (alias export $files "descriptor" (type $descriptor))
  (import "wasi:filesystem/preopens@0.2.0" (instance $preopens
    (alias outer 1 $descriptor (type $outer))
    (export "descriptor" (type $descriptor (eq $outer)))
    (export "get-directories" (func (result (list (tuple (own $descriptor) string)))))))

  (import "wasi:io/poll@0.2.0" (instance $poll
    (export "pollable" (type $pollable (sub resource)))
    (export "[method]pollable.block" (func (param "self" (borrow $pollable))))))
  (alias export $poll "pollable" (type $pollable))
  (import "wasi:clocks/monotonic-clock@0.2.0" (instance $monotonic-clock
    (alias outer 1 $pollable (type $outer))
    (export "pollable" (type $pollable (eq $outer)))
    (export "now" (func (result u64)))
    (export "resolution" (func (result u64)))
    (export "subscribe-duration" (func (param "when" u64) (result (own $pollable))))))
  (import "wasi:clocks/wall-clock@0.2.0" (instance $wall-clock
    (type $record (record (field "seconds" u64) (field "nanoseconds" u32)))
    (export "datetime" (type $datetime (eq $record)))
    (export "now" (func (result $datetime)))))

  (import "wasi:io/error@0.2.0" (instance $io-error
    (export "error" (type (sub resource)))))
  (alias export $io-error "error" (type $error))
  (import "wasi:io/streams@0.2.0" (instance $streams
    (alias outer 1 $error (type $outer))
    (export "error" (type $error (eq $outer)))
    (type $variant (variant (case "last-operation-failed" (own $error)) (case "closed")))
    (export "stream-error" (type $stream-error (eq $variant)))
    (export "input-stream" (type $input (sub resource)))
    (export "output-stream" (type $output (sub resource)))
    (export "[method]input-stream.blocking-read"
      (func (param "self" (borrow $input)) (param "len" u64) (result (result (list u8) (error $stream-error)))))
    (export "[method]output-stream.blocking-write-and-flush"
      (func (param "self" (borrow $output)) (param "contents" (list u8)) (result (result (error $stream-error)))))))
  (alias export $streams "input-stream" (type $input))
  (alias export $streams "output-stream" (type $output))
  (import "wasi:cli/stdin@0.2.0" (instance $stdin
    (alias outer 1 $input (type $outer))
    (export "input-stream" (type $input (eq $outer)))
    (export "get-stdin" (func (result (own $input))))))
  (import "wasi:cli/stdout@0.2.0" (instance $stdout
    (alias outer 1 $output (type $outer))
    (export "output-stream" (type $output (eq $outer)))
    (export "get-stdout" (func (result (own $output))))))

  (import "wasi:sockets/network@0.2.0" (instance $network
    (type $codes (enum "unknown" "access-denied" "not-supported" "invalid-argument" "out-of-memory" "timeout"
      "concurrency-conflict" "not-in-progress" "would-block" "invalid-state" "new-socket-limit"
      "address-not-bindable" "address-in-use" "remote-unreachable" "connection-refused" "connection-reset"
      "connection-aborted" "datagram-too-large" "name-unresolvable" "temporary-resolver-failure"
      "permanent-resolver-failure"))
    (export "error-code" (type (eq $codes)))
    (type $families (enum "ipv4" "ipv6"))
    (export "ip-address-family" (type (eq $families)))))
  (alias export $network "error-code" (type $error-code))
  (alias export $network "ip-address-family" (type $family))
  (import "wasi:sockets/tcp@0.2.0" (instance $tcp
    (export "tcp-socket" (type (sub resource)))))
  (alias export $tcp "tcp-socket" (type $tcp-socket))
  (import "wasi:sockets/tcp-create-socket@0.2.0" (instance $tcp-create-socket
    (alias outer 1 $tcp-socket (type $outer-socket))
    (export "tcp-socket" (type $tcp-socket (eq $outer-socket)))
    (alias outer 1 $error-code (type $outer-code))
    (export "error-code" (type $error-code (eq $outer-code)))
    (alias outer 1 $family (type $outer-family))
    (export "ip-address-family" (type $family (eq $outer-family)))
    (export "create-tcp-socket"
      (func (param "address-family" $family) (result (result (own $tcp-socket) (error $error-code)))))))

  (core module $Libc
    (memory (export "memory") 2)
    (global $next (mut i32) (i32.const 1024))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (local $at i32)
      (local.set $at (global.get $next))
      (global.set $next
        (i32.and (i32.add (i32.add (local.get $at) (local.get 3)) (i32.const 7)) (i32.const -8)))
      (local.get $at)))
  (core instance $libc (instantiate $Libc))
  (alias core export $libc "memory" (core memory $memory))
  (alias core export $libc "realloc" (core func $realloc))

  (core func $get-environment
    (canon lower (func $environment "get-environment") (memory $memory) (realloc $realloc)))
  (core func $get-arguments
    (canon lower (func $environment "get-arguments") (memory $memory) (realloc $realloc)))
  (core func $initial-cwd
    (canon lower (func $environment "initial-cwd") (memory $memory) (realloc $realloc)))
  (core func $get-directories
    (canon lower (func $preopens "get-directories") (memory $memory) (realloc $realloc)))
  (core func $block (canon lower (func $poll "[method]pollable.block")))
  (core func $monotonic-now (canon lower (func $monotonic-clock "now")))
  (core func $resolution (canon lower (func $monotonic-clock "resolution")))
  (core func $subscribe (canon lower (func $monotonic-clock "subscribe-duration")))
  (core func $wall-now (canon lower (func $wall-clock "now") (memory $memory)))
  (core func $get-stdin (canon lower (func $stdin "get-stdin")))
  (core func $get-stdout (canon lower (func $stdout "get-stdout")))
  (core func $read
    (canon lower (func $streams "[method]input-stream.blocking-read") (memory $memory) (realloc $realloc)))
  (core func $write
    (canon lower (func $streams "[method]output-stream.blocking-write-and-flush") (memory $memory)))
  (core func $create-socket
    (canon lower (func $tcp-create-socket "create-tcp-socket") (memory $memory)))

  ;; What a call returns lies at 0. Each function answers with one number of it.
  (core module $Main
    (import "libc" "memory" (memory 2))
    (import "wasi" "get-environment" (func $get-environment (param i32)))
    (import "wasi" "get-arguments" (func $get-arguments (param i32)))
    (import "wasi" "initial-cwd" (func $initial-cwd (param i32)))
    (import "wasi" "get-directories" (func $get-directories (param i32)))
    (import "wasi" "block" (func $block (param i32)))
    (import "wasi" "monotonic-now" (func $monotonic-now (result i64)))
    (import "wasi" "resolution" (func $resolution (result i64)))
    (import "wasi" "subscribe" (func $subscribe (param i64) (result i32)))
    (import "wasi" "wall-now" (func $wall-now (param i32)))
    (import "wasi" "get-stdin" (func $get-stdin (result i32)))
    (import "wasi" "get-stdout" (func $get-stdout (result i32)))
    (import "wasi" "read" (func $read (param i32 i64 i32)))
    (import "wasi" "write" (func $write (param i32 i32 i32 i32)))
    (import "wasi" "create-socket" (func $create-socket (param i32 i32)))
    (data (i32.const 256) "one\ntwo")
    (func (export "environment") (result i64)
      (call $get-environment (i32.const 0)) (i64.load32_u (i32.const 4)))
    (func (export "arguments") (result i64)
      (call $get-arguments (i32.const 0)) (i64.load32_u (i32.const 4)))
    (func (export "directory") (result i64)
      (call $initial-cwd (i32.const 0)) (i64.load8_u (i32.const 0)))
    (func (export "directories") (result i64)
      (call $get-directories (i32.const 0)) (i64.load32_u (i32.const 4)))
    (func (export "monotonic") (result i64) (call $monotonic-now))
    (func (export "resolution") (result i64) (call $resolution))
    (func (export "seconds") (result i64) (call $wall-now (i32.const 0)) (i64.load (i32.const 0)))
    (func (export "nanoseconds") (result i64) (call $wall-now (i32.const 0)) (i64.load32_u (i32.const 8)))
    ;; 256 times whether it is an error, plus which.
    (func (export "socket") (result i64)
      (call $create-socket (i32.const 0) (i32.const 0))
      (i64.add (i64.mul (i64.load8_u (i32.const 0)) (i64.const 256)) (i64.load8_u (i32.const 4))))
    (func (export "input") (result i64)
      (call $read (call $get-stdin) (i64.const 8) (i32.const 0))
      (i64.add (i64.mul (i64.load8_u (i32.const 0)) (i64.const 256)) (i64.load8_u (i32.const 4))))
    (func (export "print") (result i64)
      (call $write (call $get-stdout) (i32.const 256) (i32.const 7) (i32.const 0)) (i64.load8_u (i32.const 0)))
    (func (export "sleep-a-millisecond") (result i64)
      (call $block (call $subscribe (i64.const 1000000))) (i64.const 0))
    (func (export "sleep-an-hour") (result i64)
      (call $block (call $subscribe (i64.const 3600000000000))) (i64.const 0)))
  (core instance $main (instantiate $Main
    (with "libc" (instance $libc))
    (with "wasi" (instance
      (export "get-environment" (func $get-environment))
      (export "get-arguments" (func $get-arguments))
      (export "initial-cwd" (func $initial-cwd))
      (export "get-directories" (func $get-directories))
      (export "block" (func $block))
      (export "monotonic-now" (func $monotonic-now))
      (export "resolution" (func $resolution))
      (export "subscribe" (func $subscribe))
      (export "wall-now" (func $wall-now))
      (export "get-stdin" (func $get-stdin))
      (export "get-stdout" (func $get-stdout))
      (export "read" (func $read))
      (export "write" (func $write))
      (export "create-socket" (func $create-socket))))))

  (func (export "environment") (result u64) (canon lift (core func $main "environment")))
  (func (export "arguments") (result u64) (canon lift (core func $main "arguments")))
  (func (export "directory") (result u64) (canon lift (core func $main "directory")))
  (func (export "directories") (result u64) (canon lift (core func $main "directories")))
  (func (export "monotonic") (result u64) (canon lift (core func $main "monotonic")))
  (func (export "resolution") (result u64) (canon lift (core func $main "resolution")))
  (func (export "seconds") (result u64) (canon lift (core func $main "seconds")))
  (func (export "nanoseconds") (result u64) (canon lift (core func $main "nanoseconds")))
  (func (export "socket") (result u64) (canon lift (core func $main "socket")))
  (func (export "input") (result u64) (canon lift (core func $main "input")))
  (func (export "print") (result u64) (canon lift (core func $main "print")))
  (func (export "sleep-a-millisecond") (result u64) (canon lift (core func $main "sleep-a-millisecond")))
  (func (export "sleep-an-hour") (result u64) (canon lift (core func $main "sleep-an-hour"))))
