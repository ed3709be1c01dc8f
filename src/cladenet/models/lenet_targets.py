"""What LeNet-5 compares with: a drawing of 7x12 pixels for each digit, +1 for ink, -1 for paper.

The paper's Fig. 3 shows the drawings of all printable characters; the digits here are drawn anew
in its manner: similar shapes have similar codes, so that confusable classes lie close together.
"""

from hashlib import sha256

HEIGHT, WIDTH = 12, 7
CODE_LENGTH = HEIGHT * WIDTH

DIGITS = """
 .#####.  ...#...  .#####.  .#####.  ....##.  #######  ..####.  #######  .#####.  .#####.
 ##...##  ..##...  ##...##  ##...##  ...###.  #######  .##....  #######  ##...##  ##...##
 #.....#  .###...  #.....#  #.....#  ..#.##.  #......  ##.....  .....##  #.....#  #.....#
 #.....#  ...#...  ......#  ......#  .#..##.  #......  #......  .....#.  #.....#  #.....#
 #.....#  ...#...  .....##  .....##  #...##.  #.####.  #.####.  ....##.  ##...##  #.....#
 #.....#  ...#...  ....##.  ...###.  #...##.  ##...##  ##...##  ....#..  .#####.  ##...##
 #.....#  ...#...  ...##..  ....###  #######  ......#  #.....#  ...##..  ##...##  .####.#
 #.....#  ...#...  ..##...  .....##  #######  ......#  #.....#  ...#...  #.....#  ......#
 #.....#  ...#...  .##....  ......#  ....##.  ......#  #.....#  ..##...  #.....#  ......#
 #.....#  ...#...  ##.....  #.....#  ....##.  #.....#  #.....#  ..#....  #.....#  .....##
 ##...##  ..###..  #######  ##...##  ....##.  ##...##  ##...##  ..#....  ##...##  ....##.
 .#####.  .#####.  #######  .#####.  ....##.  .#####.  .#####.  ..#....  .#####.  .####..
"""


def targets(num_classes: int) -> list[list[float]]:
    """The fixed code of each class, 84 values of +1 or -1.

    Ten classes are the digits, row by row; any other number gets codes out of SHA-256, which stay
    the same for a class whatever the number of classes.
    """
    if num_classes == 10:
        return [drawing(digit) for digit in range(10)]
    return [_code(label) for label in range(num_classes)]


def drawing(digit: int) -> list[float]:
    """The drawing of one digit, its rows one after another."""
    rows = [row.split()[digit] for row in DIGITS.strip().splitlines()]
    return [1.0 if pixel == "#" else -1.0 for row in rows for pixel in row]


def _code(label: int) -> list[float]:
    bits = int.from_bytes(sha256(f"class {label}".encode()).digest(), "big")
    return [1.0 if bits >> place & 1 else -1.0 for place in range(CODE_LENGTH)]
