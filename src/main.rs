#[global_allocator]
static A: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;
fn main() {
    let d = rocksdb::DB::open_default("/tmp/xx").unwrap();
    d.put(b"a", b"b").unwrap();
    println!("{:?}", d.get(b"a"));
}
