"""Export to ONNX, and running such a folder."""
