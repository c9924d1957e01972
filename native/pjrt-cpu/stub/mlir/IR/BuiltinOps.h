// Stands for MLIR's headers, which TensorFlow's wheel does not ship: XLA's headers name these types and use nothing of them.
#pragma once

namespace mlir {

class MLIRContext;
class DialectRegistry;

class ModuleOp {
  void* state = nullptr;
};

template <class Op>
class OwningOpRef {
  Op op;
};

}  // namespace mlir
