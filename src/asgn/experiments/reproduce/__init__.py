"""The paper's tables and figures, each trained, scored and set beside the published numbers by one command."""
