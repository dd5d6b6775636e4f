//! Tables with aligned columns.

use super::color::{Paint, Style};

/// Lines of cells. Each column is as wide as its widest cell.
pub(super) struct Table<const N: usize> {
    columns: [Column; N],
    rows: Vec<Row<N>>,
    paint: Paint,
}

#[derive(Clone, Copy)]
pub(super) struct Column {
    /// The least width, so that the columns of successive batches align.
    pub(super) min_width: usize,
    pub(super) align: Align,
}

#[derive(Clone, Copy)]
pub(super) enum Align {
    Left,
    Right,
}

pub(super) struct Cell {
    pub(super) text: String,
    pub(super) style: Style,
}

struct Row<const N: usize> {
    cells: [Cell; N],
    rest: String,
}

pub(super) fn left(min_width: usize) -> Column {
    Column { min_width, align: Align::Left }
}

pub(super) fn right(min_width: usize) -> Column {
    Column { min_width, align: Align::Right }
}

pub(super) fn cell(text: impl Into<String>, style: Style) -> Cell {
    Cell { text: text.into(), style }
}

impl<const N: usize> Table<N> {
    pub(super) fn new(columns: [Column; N], paint: Paint) -> Table<N> {
        Table { columns, rows: Vec::new(), paint }
    }

    /// Adds a line. `rest` is already painted and follows the columns.
    pub(super) fn push(&mut self, cells: [Cell; N], rest: String) {
        self.rows.push(Row { cells, rest });
    }

    pub(super) fn render(mut self) -> String {
        for row in &self.rows {
            for (column, cell) in std::iter::zip(&mut self.columns, &row.cells) {
                column.min_width = column.min_width.max(width(&cell.text));
            }
        }
        let mut out = String::new();
        for row in &self.rows {
            let start = out.len();
            for (column, cell) in std::iter::zip(&self.columns, &row.cells) {
                let text = self.paint.apply(cell.style, &cell.text);
                let gap = " ".repeat(column.min_width - width(&cell.text));
                match column.align {
                    Align::Left => out.extend([&text, gap.as_str(), "  "]),
                    Align::Right => out.extend([gap.as_str(), &text, "  "]),
                }
            }
            out.push_str(&row.rest);
            out.truncate(start.max(out.trim_end_matches(' ').len()));
            out.push('\n');
        }
        out
    }
}

/// Returns the width in characters, which is close enough to columns for names and numbers.
pub(super) fn width(text: &str) -> usize {
    text.chars().count()
}
