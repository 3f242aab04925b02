"""llama.cpp in this process: a model file, its contexts, one generation at a time in a thread of its own."""
