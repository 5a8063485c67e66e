"""The harness: plans cells, runs each in its own process, scores and reports them."""
