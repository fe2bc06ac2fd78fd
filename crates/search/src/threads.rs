//! How many threads one embedding uses: one, when the caller says so.

use crate::SearchError;

/// Makes the calling thread do the arithmetic of its embeddings alone.
///
/// A server embeds on a few threads of its own, and each calls this once before its first text; calling it
/// again does nothing. It lasts as long as the thread and is for threads that do nothing else: whatever uses
/// rayon there gets one thread too.
///
/// Our own forward pass (`bert`) asks neither rayon nor the number of processors, so this changes nothing for it. It
/// is for whatever of candle may be called beside it: candle 0.11 hands every softmax, layer norm and bigger product to
/// rayon's pool and waits, so workers that embed side by side with candle's own model get into each other's way (two
/// workers, 15 tokens each: 11.5 ms, alone 8.8 ms). A pool of one cannot be the remedy as rayon's global pool, for then
/// all workers queue for its one thread; here each worker is the only member of a pool of its own.
///
/// # Errors
/// [`SearchError::Threads`] when the thread belongs to another rayon pool already.
pub fn single_threaded_maths() -> Result<(), SearchError> {
    // The index is asked first: the number alone would start the global pool.
    if rayon::current_thread_index().is_some() && rayon::current_num_threads() == 1 {
        return Ok(());
    }
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread().build();
    // The handle may go: the thread remains the worker of its pool.
    pool.map(drop).map_err(|cause| SearchError::Threads(cause.into()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn each_thread_is_its_own_pool() {
        let worker = || {
            single_threaded_maths().unwrap();
            single_threaded_maths().unwrap();
            let me = std::thread::current().id();
            let there = rayon::join(|| std::thread::current().id(), || std::thread::current().id());
            assert_eq!(there, (me, me));
        };
        std::thread::scope(|scope| {
            scope.spawn(worker);
            scope.spawn(worker);
        });
    }

    #[test]
    fn a_thread_of_a_bigger_pool_is_refused() {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
        assert!(matches!(pool.install(single_threaded_maths), Err(SearchError::Threads(_))));
    }
}
