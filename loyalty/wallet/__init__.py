"""The wallet: accounts, lots, holds, debt, entries."""
