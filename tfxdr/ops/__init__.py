"""Pure functions of tensors, arrays and names."""
