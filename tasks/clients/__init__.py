"""The wire, one file a server: values in, values out, no policy."""
