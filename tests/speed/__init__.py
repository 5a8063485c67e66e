"""What the speed gate watches: `make speed`, and `bench gate`."""
