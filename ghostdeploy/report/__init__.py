"""Results for people: on a terminal, as a page, as Markdown and JUnit XML. Nothing here measures or judges."""
