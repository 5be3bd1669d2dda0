"""Radio map: statistics of each cell from what terminals hear. No learning."""
