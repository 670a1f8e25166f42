"""The gate only thinks: plain functions over plain data, without I/O, without a clock."""
