use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream, UdpSocket},
};

use super::*;

async fn tcp(sockets: &Sockets, address: SocketAddr) -> io::Result<(TcpListener, Arc<SharedSocket>)> {
    sockets.bind(SocketType::STREAM, address, async |address: SocketAddr| TcpListener::bind(address)).await
}

fn offer_of(sockets: &Sockets) -> Offer {
    let offer = Offer::default();
    offer.add(sockets);
    offer
}

/// Scenario: a component ends, a client connects, and another component with the same address starts.
/// Guarantees: the client is served. The socket closes with its last user.
#[tokio::test]
async fn a_client_that_comes_between_two_components_is_served() {
    let (before, next) = (Sockets::default(), Sockets::default());
    let bound = tcp(&before, "127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = bound.0.local_addr().unwrap();
    let offer = offer_of(&before);
    drop(bound);
    let mut client = TcpStream::connect(address).unwrap();
    client.write_all(b"hello").unwrap();

    next.may_take(&offer);
    let (listener, shared) = tcp(&next, address).await.unwrap();
    offer.end();
    let mut greeting = [0; 5];
    listener.accept().unwrap().0.read_exact(&mut greeting).unwrap();
    assert_eq!(&greeting, b"hello");
    drop((listener, shared));
    assert!(TcpStream::connect(address).is_err());
}

/// Scenario: two components are offered one socket, and both want its address; a third wants the address for
/// datagrams.
/// Guarantees: the first gets it, the second is told that the address is in use, and the third gets a socket of its own.
#[tokio::test]
async fn a_socket_is_taken_over_once_and_only_as_what_it_is() {
    let before = Sockets::default();
    let bound = tcp(&before, "127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = bound.0.local_addr().unwrap();
    let offer = offer_of(&before);
    drop(bound);
    let components: [Sockets; 3] = Default::default();
    components.iter().for_each(|sockets| sockets.may_take(&offer));
    let [first, second, third] = &components;
    let bind = async |address: SocketAddr| UdpSocket::bind(address);
    let datagrams = third.bind(SocketType::DGRAM, address, bind).await.unwrap();
    let taken = tcp(first, address).await.unwrap();
    assert_eq!(tcp(second, address).await.unwrap_err().kind(), io::ErrorKind::AddrInUse);
    assert_eq!(taken.0.local_addr().unwrap(), datagrams.0.local_addr().unwrap());
}

/// Scenario: a component listened on one address; the next one listens on every address, with the same port.
/// Guarantees: the offered socket does not stand in its way.
#[tokio::test]
async fn a_socket_of_one_address_gives_way_to_one_of_all() {
    let (before, next) = (Sockets::default(), Sockets::default());
    let bound = tcp(&before, "127.0.0.1:0".parse().unwrap()).await.unwrap();
    let port = bound.0.local_addr().unwrap().port();
    next.may_take(&offer_of(&before));
    drop(bound);
    tcp(&next, SocketAddr::from(([0, 0, 0, 0], port))).await.unwrap();
}
