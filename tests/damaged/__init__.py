"""Files of ratings that are damaged in many ways: each is read, or refused with one clear error."""
