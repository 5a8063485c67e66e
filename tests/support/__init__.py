from pathlib import Path

SUPPORT = Path(__file__).parent
"""The folder of implementations that tests run in processes of their own."""
