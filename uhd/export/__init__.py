"""Models as files for other runtimes; ``uhd.export(model, path, format)`` writes any of them."""
