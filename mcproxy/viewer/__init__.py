"""The viewer: recorded episodes replayed in a window or written as clips and pictures, and tasks played by people."""
