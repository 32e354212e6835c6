"""What phones run: the native benchmark programs of `android_bench/`, and the runtimes that they measure."""
