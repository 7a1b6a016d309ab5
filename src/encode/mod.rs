pub mod annotated_csv;
