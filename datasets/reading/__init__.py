"""How a ratings file becomes columns, and what was assumed on the way."""
