;; Makes nothing of what it is given. The least that a connector can do.
(module
  (import "spanloom:plugin/spans@0.1.0" "[resource-drop]span-batch" (func $drop_spans (param i32)))
  (import "spanloom:plugin/batches@0.1.0" "[resource-drop]metrics-batch" (func $drop_metrics (param i32)))
  (import "spanloom:plugin/batches@0.1.0" "[resource-drop]logs-batch" (func $drop_logs (param i32)))
  (memory (export "memory") 1)
  ;; Only ever asked for the text of a config, which is not looked at.
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
  ;; Ok: zeros.
  (func (export "spanloom:plugin/connecting@0.1.0#configure") (param i32 i32) (result i32) (i32.const 0))
  ;; An empty list: zeros.
  (func (export "spanloom:plugin/connecting@0.1.0#emits") (result i32) (i32.const 0))
  ;; Ok, an empty list: zeros.
  (func (export "spanloom:plugin/connecting@0.1.0#consume") (param $signal i32) (param $batch i32) (result i32)
    (block $logs
      (block $metrics
        (block $spans
          (br_table $spans $metrics $logs (local.get $signal)))
        (call $drop_spans (local.get $batch))
        (return (i32.const 0)))
      (call $drop_metrics (local.get $batch))
      (return (i32.const 0)))
    (call $drop_logs (local.get $batch))
    (i32.const 0)))
